"""Who a person is: real name, consent, accounts. The room in which names and citizen ids are kept."""
