#include "client/address.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>

namespace baton::client {
namespace {

constexpr std::size_t addresses_max = 16;

tl::unexpected<Error> no_server(std::string_view url, std::string_view why) {
  return fail({.code = "usage.server",
               .what = "--server: '" + std::string(url) + "' " + std::string(why),
               .where = {},
               .way_out = "for example --server http://127.0.0.1:8080"});
}

bool is_loopback(std::string_view host) {
  if (host == "::1") return true;
  if (!host.starts_with("127.")) return false;
  int parts = 1, number = 0, digits = 0;
  for (const char c : host) {
    if (c == '.') {
      if (digits == 0) return false;
      ++parts;
      number = digits = 0;
      continue;
    }
    if (c < '0' || c > '9' || ++digits > 3) return false;
    number = number * 10 + (c - '0');
    if (number > 255) return false;
  }
  return parts == 4 && digits > 0;
}

Result<Address> address_from(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (url.starts_with("https://")) return no_server(url, "wants TLS, which this version does not speak");
  if (!url.starts_with(scheme)) return no_server(url, "is no http:// URL");
  auto rest = url.substr(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) return no_server(url, "has more than a host and a port");
  std::string_view host = rest, port = "80";
  const bool bracketed = rest.starts_with('[');
  const auto end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed) {
    if (end == std::string_view::npos) return no_server(url, "lacks a ']'");
    host = rest.substr(1, end - 1);
    const auto after = rest.substr(end + 1);
    if (!after.empty() && !after.starts_with(':')) return no_server(url, "has no port where one is expected");
    if (!after.empty()) port = after.substr(1);
  } else if (end != std::string_view::npos) {
    host = rest.substr(0, end);
    port = rest.substr(end + 1);
  }
  Address address{.host = std::string(host == "localhost" ? "127.0.0.1" : host), .url = std::string(scheme) + std::string(rest)};
  const auto [past, wrong] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (wrong != std::errc() || past != port.data() + port.size() || address.port == 0) return no_server(url, "has a bad port");
  if (!is_loopback(address.host))
    return no_server(url, "is not on this host: a token does not go over a network without encryption");
  return address;
}

std::string variable(const char* name) {
  const auto* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string token_file() {
  if (auto file = variable("BATON_TOKEN_FILE"); !file.empty()) return file;
  if (const auto folder = variable("XDG_CONFIG_HOME"); !folder.empty()) return folder + "/baton/token";
  if (const auto home = variable("HOME"); !home.empty()) return home + "/.config/baton/token";
  return {};
}

}  // namespace

Result<std::vector<Address>> addresses_from(std::string_view text) {
  std::vector<Address> addresses;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    auto address = address_from(text.substr(at, end - at));
    if (!address) return fail(address.error());
    if (addresses.size() == addresses_max) return no_server(text, "names too many servers");
    addresses.push_back(std::move(*address));
    at = end + 1;
  }
  return addresses;
}

std::string find_token() {
  auto token = variable("BATON_TOKEN");
  if (token.empty()) {
    std::ifstream file(token_file(), std::ios::binary);
    std::getline(file, token);
  }
  const auto end = token.find_first_of(" \t\r\n");
  if (end != std::string::npos) token.resize(end);
  return token;
}

std::string escaped(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain.find(c) != std::string_view::npos)
      out += c;
    else
      out.append({'%', hex[byte >> 4U], hex[byte & 15U]});
  }
  return out;
}

}  // namespace baton::client
