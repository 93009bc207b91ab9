"""Prove that a contact, a password or a second factor is one's own; a part of identity, offered by its front door."""
