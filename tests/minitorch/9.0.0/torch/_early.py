"""Runs first."""
