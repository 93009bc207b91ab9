"""Journeys of several requests, each made of the answer before: what a client of the load plays again and again.

A script yields a request and is sent (status, body); a word ends a journey: "done", or what went wrong.
"""
