"""The halves of the checks that know the right answers; absent from the sandbox in which students' code runs."""
