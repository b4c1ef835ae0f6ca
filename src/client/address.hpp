/// Where servers are, and what lets one in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace baton::client {

struct Address {
  std::string host;  ///< an IP address of this host
  std::uint16_t port = 0;
  std::string url;  ///< for people: `http://127.0.0.1:8080`
  bool operator==(const Address&) const = default;
};

/// `URL[,URL…]`. A server is spoken to without encryption, and so on this host alone. Errors: usage.server.
[[nodiscard]] Result<std::vector<Address>> addresses_from(std::string_view text);

/// BATON_TOKEN, or what stands in the file that a `baton serve` of the same user has made (docs/api.md). Empty: there is none (yet).
[[nodiscard]] std::string find_token();

/// As a part of a path or of a query.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace baton::client
