"""Measure CPU per GiB, per small object and per listed blob beside rclone; see run.py."""
