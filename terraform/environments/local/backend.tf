terraform {
  # Its path is given at init: a state for each run, below .local.
  backend "local" {}
}
