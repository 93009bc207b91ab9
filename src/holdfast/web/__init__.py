"""What people look at: the frame of every page, its components, and the pages that belong to no product."""

from holdfast.web.failures import PageNotFound, told
from holdfast.web.failures import page as failure_page
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form, refused
from holdfast.web.forms import read as read_form
from holdfast.web.frame import Frame, Link, Viewer, build, frame_of, show, viewer_of
from holdfast.web.routing import FromAnotherSite, Pages, local_path

__all__ = [
    "FORM_BYTES_MAX",
    "Filled",
    "Form",
    "Frame",
    "FromAnotherSite",
    "Link",
    "PageNotFound",
    "Pages",
    "Viewer",
    "build",
    "failure_page",
    "frame_of",
    "local_path",
    "read_form",
    "refused",
    "show",
    "told",
    "viewer_of",
]
