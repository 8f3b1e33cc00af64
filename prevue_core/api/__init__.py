"""The HTTP API: flask-smorest resources over `prevue_core.db`. No SQL here."""
