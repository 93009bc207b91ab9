"""Change the catalogue; whatever changes what is sold of a schedule takes its turn first."""
