"""The nightly update: sessions in bulk, histories, actions, audit."""
