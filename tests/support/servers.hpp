/// Tests of what speaks to real servers: where these are. scripts/test provides them; by hand:
/// `scripts/services start; eval "$(scripts/services env)"`.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace baton::test {

struct Postgres {
  std::string host;
  std::uint16_t port = 0;
  std::string user, password, database;
};
struct Rabbit {
  std::string host;
  std::uint16_t port = 0;
  std::string user, password;
};
struct Redis {
  std::string host;
  std::uint16_t port = 0;
};

/// A setting of the environment; empty when it is not there.
inline std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}
inline std::uint16_t port_setting(const char* name) {
  return static_cast<std::uint16_t>(std::strtoul(setting(name).c_str(), nullptr, 10));
}

inline Postgres postgres() {
  return {.host = setting("POSTGRES_HOST"),
          .port = port_setting("POSTGRES_PORT"),
          .user = setting("POSTGRES_USER"),
          .password = setting("POSTGRES_PASSWORD"),
          .database = setting("POSTGRES_DB")};
}
inline Rabbit rabbit() {
  return {.host = setting("RABBIT_HOST"),
          .port = port_setting("RABBIT_PORT"),
          .user = setting("RABBIT_USER"),
          .password = setting("RABBIT_PASSWORD")};
}
inline Redis redis() { return {.host = setting("REDIS_HOST"), .port = port_setting("REDIS_PORT")}; }

inline bool servers_are_told() {
  return !setting("POSTGRES_HOST").empty() && !setting("RABBIT_HOST").empty() && !setting("REDIS_HOST").empty();
}

}  // namespace baton::test

/// First in a test, or in SetUp(): without servers it fails, since a test that was silently passed over proves nothing;
/// BATON_NO_SERVERS=1 says that this is meant, and then it is skipped.
#define BATON_NEEDS_SERVERS()                                                                                                \
  do {                                                                                                                       \
    if (::baton::test::setting("BATON_NO_SERVERS") == "1") GTEST_SKIP() << "BATON_NO_SERVERS=1";                             \
    if (!::baton::test::servers_are_told()) GTEST_FAIL() << "no servers: eval \"$(scripts/services env)\", or scripts/test"; \
  } while (false)
