################################################################################
# What the contracts say
################################################################################

module "contracts" {
  source = "../contracts"

  directory = var.contracts_directory
}
