"""Helpers shared by the notebooks of the course on semantic segmentation."""
