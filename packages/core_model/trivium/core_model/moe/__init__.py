"""The mixture of experts: who decides (`router`), who computes (`experts`), who keeps the peace (`balance`)."""
