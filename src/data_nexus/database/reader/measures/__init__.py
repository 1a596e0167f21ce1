"""What a monitor reads of a database, often: few statements, and none over the bars."""
