/// A YAML document as a tree with places, within bounds: no document, however made, costs more than they allow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::formats {

struct YamlLimits {
  std::size_t bytes_max = std::size_t{16} << 20U;  ///< of the text
  std::size_t depth_max = 64;                      ///< libyaml's time is quadratic in the depth; our readers recurse
  std::size_t nodes_max = 2'000'000;               ///< 72 bytes of memory each, and the text; 100 000 steps of 15 nodes have room
  /// What aliases stand for, all together, written out: texts and 16 bytes a node. An alias bomb of 10⁹ nodes is a few hundred bytes.
  std::size_t alias_bytes_max = std::size_t{32} << 20U;
};

struct YamlNode {
  enum class Kind : std::uint8_t { scalar, list, object };
  Kind kind = Kind::scalar;
  bool plain = false;       ///< a scalar without quotes: its type is to be told from its text
  bool complete = false;    ///< false while its end has not been read: an alias to it would be a circle
  std::uint8_t height = 0;  ///< collections nested in it, itself included
  core::Place place;
  std::uint64_t expanded = 0;              ///< its cost in `alias_bytes_max`
  std::string_view text;                   ///< scalar: unescaped, UTF-8, without NUL
  std::span<const YamlNode* const> items;  ///< list: its items; object: key, value, key, value … (keys are scalars, each once)

  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_object() const { return kind == Kind::object; }
  [[nodiscard]] std::size_t fields() const { return items.size() / 2; }
  [[nodiscard]] const YamlNode& key(std::size_t field) const { return *items[2 * field]; }
  [[nodiscard]] const YamlNode& value(std::size_t field) const { return *items[2 * field + 1]; }
  /// The value of a field, or null. Linear.
  [[nodiscard]] const YamlNode* find(std::string_view name) const;
};

/// Owns its nodes, all in one piece of memory that is freed at once; an alias is the node that it stands for, shared.
struct YamlTree {
  std::unique_ptr<std::pmr::monotonic_buffer_resource> memory;
  const YamlNode* root = nullptr;  ///< null: nothing but white space and comments
};

/// Reads one document of UTF-8 text; also JSON, with its escapes of characters beyond U+FFFF. `file` goes into the errors' `where`.
/// Errors: input.yaml (syntax, tags, merge keys, keys that are not text, a second document) · input.encoding (not UTF-8, or control
/// characters) · input.too_big · input.too_deep · input.alias (undefined, within itself, or too much written out) · input.duplicate (key).
[[nodiscard]] Result<YamlTree> read_yaml(std::string_view text, const std::string& file, const YamlLimits& limits = {});

}  // namespace baton::formats
