"""The student's side: copies to work on, a check before handing in, handing in; the course without solutions."""
