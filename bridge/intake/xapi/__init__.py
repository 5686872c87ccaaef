"""xAPI (1.0.3 and IEEE 9274.1.1 = 2.0): statements and state documents, kept as claims; they credit nothing."""
