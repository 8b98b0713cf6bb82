"""Simulations on disk: sessions, journals, scripts, pictures and videos."""
