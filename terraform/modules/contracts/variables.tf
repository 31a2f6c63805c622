variable "directory" {
  description = "The folder of the contracts (*.odcs.yaml), which say who reads and writes which tables and topics. [Standard](https://bitol-io.github.io/open-data-contract-standard/v3.1.0/)"
  type        = string

  validation {
    condition     = length(fileset(var.directory, "*.odcs.yaml")) > 0
    error_message = "contracts_directory holds no *.odcs.yaml; it must be the repository's contracts folder."
  }
}
