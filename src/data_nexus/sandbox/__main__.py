"""`python -m data_nexus.sandbox` runs the command `sandbox`."""

from data_nexus.sandbox.command import sandbox

if __name__ == "__main__":
    sandbox(prog_name="python -m data_nexus.sandbox")
