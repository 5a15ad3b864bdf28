"""Where programs are built for and measured on."""
