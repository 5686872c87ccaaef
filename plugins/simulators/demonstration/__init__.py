"""The demonstration (模拟演示): three processes over real HTTP, and one learner who walks the whole road."""
