/// SHA-256, piece by piece; sha256() of key.hpp hashes a text at once.
#pragma once

#include <openssl/sha.h>

#include <string>
#include <string_view>

namespace baton::core {

class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// 64 lower-case hex digits. The last call.
  [[nodiscard]] std::string end();

 private:
  SHA256_CTX state_;
};

}  // namespace baton::core
