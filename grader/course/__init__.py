"""Courses and workspaces on disk: `read` a course, `workspace` for a learner's folder, `update`, `lock`.

Cheap to import: the standard library and grader.model only.
"""
