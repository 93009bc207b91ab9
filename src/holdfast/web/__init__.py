"""The look and the pages that all products share."""
