"""Hostile files by the thousand; by hand, and a few hundred in the tests."""
