"""Parts of detection_quality.py: worlds in, scores and incidents per detector, tables out."""
