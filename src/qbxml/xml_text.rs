//! How a type with a text form of its own stands as an element's text.
//!
//! What may not live here: enums with a fallback variant. yaserde's own derive turns an unknown value into the default
//! without a word; a type that goes through here fails instead, and the record is listed as unreadable.

/// Implements both yaserde traits of a type by its `Display` and `FromStr`.
macro_rules! xml_text {
    ($name:ident) => {
        impl yaserde::YaSerialize for $name {
            fn serialize<W: std::io::Write>(
                &self,
                writer: &mut yaserde::ser::Serializer<W>,
            ) -> yaserde::Result<()> {
                yaserde::primitives::serialize_primitives(
                    self,
                    stringify!($name),
                    writer,
                    ToString::to_string,
                )
            }

            fn serialize_attributes(
                &self,
                attributes: Vec<yaserde::__xml::attribute::OwnedAttribute>,
                namespace: yaserde::__xml::namespace::Namespace,
            ) -> yaserde::Result<(
                Vec<yaserde::__xml::attribute::OwnedAttribute>,
                yaserde::__xml::namespace::Namespace,
            )> {
                Ok((attributes, namespace))
            }
        }

        impl yaserde::YaDeserialize for $name {
            fn deserialize<R: std::io::Read>(
                reader: &mut yaserde::de::Deserializer<R>,
            ) -> yaserde::Result<Self> {
                yaserde::primitives::deserialize_primitives(reader, |text| {
                    text.parse().map_err(yaserde::Error::custom)
                })
            }
        }
    };
}

pub(crate) use xml_text;
