from tests.gateways.port_contract import PortContract


class TestTheSandboxKeepsTheContractOfThePort(PortContract):
    """Everything is inherited; `world` comes from conftest."""
