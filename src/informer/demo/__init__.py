"""The bundled capture of a real service mesh: fourteen clean days and five with events."""
