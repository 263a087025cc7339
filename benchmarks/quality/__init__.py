"""What detection_quality.py is made of: worlds in, scores and incidents per detector, tables out."""
