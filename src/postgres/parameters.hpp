/// What goes to the server for `$1`, `$2`, …: values in PostgreSQL's binary format. The type at the server follows the C++ type, and the
/// SQL casts (`$1::bigint`) so that both agree: int64 bigint, int32 integer, bool boolean, double double precision, text text,
/// Instant timestamptz; a vector is an array of these; an empty optional is NULL.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton::postgres {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

class Parameters {
 public:
  template <class... Values>
  explicit Parameters(const Values&... values) {
    (add(values), ...);
  }

  template <class T>
  void add(const T& value) {
    const auto begin = bytes_.size();
    encode(value);
    values_.push_back({begin, bytes_.size() - begin, false});
  }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      values_.push_back({0, 0, true});
    }
  }
  template <class T>
  void add(const std::vector<T>& array) {
    const auto begin = bytes_.size();
    begin_array(array.size(), type_of(Plain<T>{}));
    for (const auto& item : array) element(item);
    values_.push_back({begin, bytes_.size() - begin, false});
  }

  // For the connection.
  [[nodiscard]] std::vector<const char*> pointers() const;
  [[nodiscard]] std::vector<int> lengths() const;
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  struct Value {
    std::size_t begin = 0, length = 0;
    bool null = false;
  };
  template <class T>
  struct PlainOf {
    using type = T;
  };
  template <class T>
  struct PlainOf<std::optional<T>> {
    using type = T;
  };
  template <class T>
  using Plain = typename PlainOf<T>::type;

  void encode(std::int64_t value);
  void encode(std::int32_t value);
  void encode(bool value);
  void encode(double value);
  void encode(Instant value);
  /// Text that PostgreSQL cannot hold is made holdable: U+FFFD for NUL and for bytes that are not UTF-8.
  void encode(std::string_view value);
  void encode(const std::string& value) { encode(std::string_view(value)); }
  void encode(const char* value) { encode(std::string_view(value)); }

  static std::int32_t type_of(std::int64_t) { return 20; }
  static std::int32_t type_of(std::int32_t) { return 23; }
  static std::int32_t type_of(bool) { return 16; }
  static std::int32_t type_of(double) { return 701; }
  static std::int32_t type_of(Instant) { return 1184; }
  static std::int32_t type_of(const std::string&) { return 25; }
  static std::int32_t type_of(std::string_view) { return 25; }

  void begin_array(std::size_t size, std::int32_t type);
  template <class T>
  void element(const T& value) {
    const auto at = bytes_.size();
    encode(std::int32_t{0});
    encode(value);
    set_length(at);
  }
  template <class T>
  void element(const std::optional<T>& value) {
    if (value) {
      element(*value);
    } else {
      encode(std::int32_t{-1});
    }
  }
  void set_length(std::size_t at);

  std::string bytes_;
  std::vector<Value> values_;
};

}  // namespace baton::postgres
