/// Between our types and librabbitmq's. Only for the files that speak the wire: it brings librabbitmq's headers along.
#pragma once

#include <amqp.h>
#include <amqp_framing.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/types.hpp"

namespace baton::amqp {

/// The bytes must outlive their use.
[[nodiscard]] inline amqp_bytes_t bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
/// A copy: what librabbitmq decodes lives until its buffers are released.
[[nodiscard]] inline std::string text(amqp_bytes_t bytes) {
  return bytes.len == 0 ? std::string() : std::string(static_cast<char*>(bytes.bytes), bytes.len);
}

/// Owns what an encoded table points to (but for the strings, which stay in the Table given: it must outlive this).
class EncodedTable {
 public:
  explicit EncodedTable(const Table& table) : root_(encode(table)) {}
  EncodedTable(const EncodedTable&) = delete;
  EncodedTable& operator=(const EncodedTable&) = delete;
  [[nodiscard]] amqp_table_t get() const { return root_; }

 private:
  amqp_table_t encode(const Table& table);
  amqp_field_value_t encode(const Value& value);
  std::deque<std::vector<amqp_table_entry_t>> tables_;
  std::deque<std::vector<amqp_field_value_t>> arrays_;
  amqp_table_t root_;
};
/// Deeper than `table_depth_max` is read as nothing.
inline constexpr int table_depth_max = 8;
[[nodiscard]] Table decode(const amqp_table_t& table, int depth = 0);

/// A whole frame. `frame_bytes_max` bounds a method's payload; one that does not fit is a bug of the caller (BATON_ASSERT).
[[nodiscard]] std::string frame(std::uint8_t type, std::uint16_t channel, std::string_view payload);
[[nodiscard]] std::string method_frame(std::uint16_t channel, amqp_method_number_t id, void* method);
/// Header and body frames of a message.
[[nodiscard]] std::string content_frames(std::uint16_t channel, amqp_basic_properties_t properties, std::string_view body,
                                         std::uint32_t frame_bytes_max);

}  // namespace baton::amqp
