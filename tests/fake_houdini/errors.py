"""Errors, as `hou` has them."""

from __future__ import annotations


class Error(Exception):
    """The root."""


class OperationFailed(Error):
    """What was asked for cannot be done."""


class OperationInterrupted(Error):
    """Somebody pressed Escape."""


class NodeError(Error):
    """A node's own."""


class PermissionError(Error):  # noqa: A001 - as it is called there
    """Contents are locked."""


#: What is Houdini's own, and in the module.
OF_HOU = (Error, OperationFailed, OperationInterrupted, NodeError, PermissionError)


class Refused(AssertionError):
    """What would hang or break a real Houdini."""
