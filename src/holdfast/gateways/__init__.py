"""Payment gateways: adapters of the kernel's payment port."""
