"""Say in SQL what a batch reads and writes: each statement once, for all its rows, the same on both databases.

A condition in a write says what was decided; whoever runs it compares the number of rows it touched.
"""
