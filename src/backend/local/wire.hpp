/// Bytes between Baton and its keeper: numbers little-endian as the host has them (both ends are one binary on one host), texts with
/// their length.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace baton::local {

class Writer {
 public:
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  Writer& add(T number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  Writer& add(std::string_view text) {
    add(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  Writer& add(const std::string& text) { return add(std::string_view(text)); }
  Writer& add(const char* text) { return add(std::string_view(text)); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Gives zeros and empty texts once the bytes have run out; `good` tells.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  T number() {
    T value{};
    if (bytes_.size() < sizeof value) return spoil(), value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (bytes_.size() < size) return spoil(), std::string();
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  /// How many items of a list follow. Never more than there are bytes, so that a damaged count does no harm.
  std::uint32_t count() {
    const auto wanted = number<std::uint32_t>();
    if (wanted > bytes_.size()) return spoil(), 0;
    return wanted;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool ended() const { return bytes_.empty(); }

 private:
  void spoil() {
    good_ = false;
    bytes_ = {};
  }
  std::string_view bytes_;
  bool good_ = true;
};

}  // namespace baton::local
