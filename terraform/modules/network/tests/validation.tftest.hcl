# What is refused, and says what to write instead. Every other value of a run is right.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "tillstream-test"
  account_id         = "123456789012"
  region             = "eu-central-1"
  cidr               = "10.20.0.0/16"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  flow_logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000001" }
}

run "nothing_fits" {
  command = plan

  variables {
    name               = "Tillstream"
    account_id         = "1234"
    cidr               = "10.20.0.0/24"
    availability_zones = ["eu-central-1a", "eu-central-1b"]
    nat                = "none"
    flow_logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000001", retention_days = 100 }
  }

  expect_failures = [var.name, var.account_id, var.cidr, var.availability_zones, var.nat, var.flow_logs]
}

run "region_and_networks_that_are_none" {
  command = plan

  variables {
    region             = "Frankfurt"
    availability_zones = ["Frankfurt-a", "Frankfurt-b", "Frankfurt-c"]
    cidr               = "10.20.0.1/16"
  }

  expect_failures = [var.region, var.cidr]
}

run "vpc_larger_than_aws_has_it_and_zones_of_elsewhere" {
  command = plan

  variables {
    cidr               = "10.0.0.0/8"
    availability_zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
  }

  expect_failures = [var.cidr, var.availability_zones]
}

run "an_unknown_way_in" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], way_in = "internet" }
  }

  expect_failures = [var.stores]
}

run "everybody_is_a_store" {
  command = plan

  variables {
    stores = { cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.stores]
}

run "a_network_not_named_by_its_first_address" {
  command = plan

  variables {
    stores = { cidrs = ["172.16.0.1/12"] }
  }

  expect_failures = [var.stores]
}

run "the_same_zone_twice_and_stores_inside_the_vpc" {
  command = plan

  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1b"]
    stores             = { cidrs = ["10.20.128.0/24"] }
  }

  expect_failures = [var.availability_zones, var.stores]
}

run "stores_around_the_vpc" {
  command = plan

  variables {
    stores = { cidrs = ["10.0.0.0/8"] }
  }

  expect_failures = [var.stores]
}

run "a_way_in_for_nobody" {
  command = plan

  variables {
    stores = { way_in = "transit_gateway", transit_gateway_id = "tgw-0123456789abcdef0" }
  }

  expect_failures = [var.stores]
}

run "vpn_from_nowhere" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], way_in = "vpn" }
  }

  expect_failures = [var.stores]
}

run "hubs_without_vpn" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], vpn_gateways = { hub = { ip_address = "203.0.113.10" } } }
  }

  expect_failures = [var.stores]
}

run "more_hubs_than_a_vpn_gateway_takes" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], way_in = "vpn", vpn_gateways = { for number in range(11) : "hub-${number}" => { ip_address = "203.0.113.${number}" } } }
  }

  expect_failures = [var.stores]
}

run "a_hub_without_an_address" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], way_in = "vpn", vpn_gateways = { hub = { ip_address = "hub.example.com" } } }
  }

  expect_failures = [var.stores]
}

run "transit_gateway_without_its_name" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], way_in = "transit_gateway" }
  }

  expect_failures = [var.stores]
}

run "a_transit_gateway_that_is_not_the_way_in" {
  command = plan

  variables {
    stores = { cidrs = ["10.64.0.0/12"], transit_gateway_id = "tgw-0123456789abcdef0" }
  }

  expect_failures = [var.stores]
}
