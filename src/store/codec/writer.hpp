/// Writes JSON text in one go: a run of a thousand tasks is written before its first task starts.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"

namespace baton::store {

class Writer {
 public:
  [[nodiscard]] std::string take() { return std::move(text_); }

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void name(std::string_view key) {
    value(key);
    text_ += ':';
    first_ = true;
  }
  void value(std::string_view text);
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool truth) {
    separate();
    text_ += truth ? "true" : "false";
  }
  void value(std::int64_t number) { append_number(number); }
  void value(std::int32_t number) { append_number(number); }
  void value(std::uint32_t number) { append_number(number); }
  void value(std::uint64_t number) { append_number(number); }
  void value(double number) { append_number(number); }
  void value(core::Duration duration) { value(std::int64_t{duration.count()}); }
  void value(core::Instant instant) { value(instant.time_since_epoch()); }

  template <class T>
  void field(std::string_view key, const T& content) {
    name(key);
    value(content);
  }
  /// Nothing where the value is the default: readers know it.
  template <class T>
  void field(std::string_view key, const T& content, const T& otherwise) {
    if (!(content == otherwise)) field(key, content);
  }
  template <class T>
  void field(std::string_view key, const std::optional<T>& content) {
    if (content) field(key, *content);
  }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    text_ += bracket;
    first_ = false;
  }
  template <class T>
  void append_number(T number) {
    separate();
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, number);
    text_.append(digits, end.ptr);
  }

  std::string text_;
  bool first_ = true;
};

}  // namespace baton::store
