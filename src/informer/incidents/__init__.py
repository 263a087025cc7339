"""Detections in; incidents with titles, severity and evidence out."""
