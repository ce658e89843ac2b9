"""Rows of an engine such as Dask: its workers write them to a stage, and one process submits them.

`events_pandas` does not load these modules, nor the engines that they need.
"""
