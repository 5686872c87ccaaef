"""PDF/A judged by veraPDF: acceptance of the papers that we print and seal."""
