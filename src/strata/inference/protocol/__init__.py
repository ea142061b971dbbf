"""What coordinators and nodes say to each other: messages, signed manifests, their form on a link."""
