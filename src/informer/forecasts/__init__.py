"""Series of a pattern come in; trained models, one-step forecasts and a backtest go out."""
