"""Traffic and forecasts in; scored cells and detections out, by an alert budget."""
