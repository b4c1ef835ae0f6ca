/// Random tests print how to replay them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace baton::test {

/// BATON_SEED when it is set, else fresh.
inline std::uint64_t seed() {
  if (const char* given = std::getenv("BATON_SEED")) return std::strtoull(given, nullptr, 10);
  return (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
}
inline std::string replay(std::uint64_t seed) { return "replay: BATON_SEED=" + std::to_string(seed); }
/// BATON_CASES when it is set, else `usual`.
inline int cases(int usual) {
  const char* given = std::getenv("BATON_CASES");
  return given ? std::atoi(given) : usual;
}

}  // namespace baton::test
