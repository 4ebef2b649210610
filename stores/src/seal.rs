//! Seals: do these bytes still mean what they meant when they were written?
//!
//! Serialised values carry no names. So bytes that were written of one type are often read as another without an error,
//! and are garbage: after the fields of a struct have changed places, say, or when a variant has come into an enum. A
//! record therefore carries a *seal* of each key and value: a sum of what the program, as it is now, says about it.
//!
//! - Its *shape*: the names and kinds of all that is serialised, in their order (structs and their fields, enums and their
//!   variants, the widths of numbers, what is absent and what is present); not its content.
//! - What it says of itself: how a key is printed, which fingerprint a value has.
//! - The *schema*: the names of the two types, and a version that the user counts.
//!
//! What was read is sealed again. If the seals differ, the record is none of this program's. A fingerprint alone would not
//! do, because it may look at a part of the value, or at its bytes only. What no seal can see is a change that leaves
//! all names and kinds as they were (two numbers of a tuple that have changed their meanings): for that, there is the
//! version.

use std::any::type_name;
use std::fmt::{self, Write};

use alacarte_core::{Fingerprint, Key, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

/// How long a seal is.
const SEAL: usize = 8;

/// Whose keys and values these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schema(Fingerprint);

impl Schema {
    /// The schema of these types, in the user's own count of their versions.
    pub(crate) fn of<K, V>(version: u64) -> Self {
        let [keys, values] = [type_name::<K>(), type_name::<V>()].map(|name| Fingerprint::of_bytes(name.as_bytes()));
        Schema(keys.combine(values).combine(Fingerprint::of_integer(version)))
    }

    /// The seal of a key; `None` if it cannot be serialised.
    pub(crate) fn of_key<K: Key + Serialize>(self, key: &K) -> Option<Fingerprint> {
        let mut printed = Shape(self.0);
        write!(printed, "{key}").ok()?;
        key.serialize(&mut printed).ok()?;
        Some(printed.0)
    }

    /// The seal of a value; `None` if it cannot be serialised.
    pub(crate) fn of_value<V: Value + Serialize>(self, value: &V) -> Option<Fingerprint> {
        let mut shape = Shape(self.0.combine(value.fingerprint()));
        value.serialize(&mut shape).ok()?;
        Some(shape.0)
    }

    /// A key as bytes, behind its seal.
    pub(crate) fn write_key<K: Key + Serialize>(self, key: &K) -> postcard::Result<Vec<u8>> {
        write(self.of_key(key), key)
    }

    /// The key that was written, if this program would write it so.
    pub(crate) fn read_key<K: Key + Serialize + DeserializeOwned>(self, bytes: &[u8]) -> Option<K> {
        read(bytes, |key| self.of_key(key))
    }

    /// A value as bytes, behind its seal.
    pub(crate) fn write_value<V: Value + Serialize>(self, value: &V) -> postcard::Result<Vec<u8>> {
        write(self.of_value(value), value)
    }

    /// The value that was written, if this program would write it so.
    pub(crate) fn read_value<V: Value + Serialize + DeserializeOwned>(self, bytes: &[u8]) -> Option<V> {
        read(bytes, |value| self.of_value(value))
    }
}

fn write<T: Serialize>(seal: Option<Fingerprint>, what: &T) -> postcard::Result<Vec<u8>> {
    let seal = seal.ok_or(postcard::Error::SerdeSerCustom)?;
    postcard::to_extend(what, seal.0.to_le_bytes().to_vec())
}

fn read<T: DeserializeOwned>(bytes: &[u8], seal: impl Fn(&T) -> Option<Fingerprint>) -> Option<T> {
    let (sealed, rest) = bytes.split_first_chunk::<SEAL>()?;
    let what = whole(rest)?;
    (seal(&what)?.0.to_le_bytes() == *sealed).then_some(what)
}

/// What these bytes say, if nothing is left of them.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (what, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(what)
}

/// The sum of names and kinds.
struct Shape(Fingerprint);

/// The kinds that are told apart.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    None,
    Some,
    Unit,
    UnitStruct,
    UnitVariant,
    NewtypeStruct,
    NewtypeVariant,
    Seq,
    Tuple,
    TupleStruct,
    TupleVariant,
    Map,
    Struct,
    StructVariant,
    Field,
    SkippedField,
}

impl Shape {
    fn kind(&mut self, kind: Kind) -> Result<(), Unsealed> {
        self.0 = self.0.combine(Fingerprint(kind as u64));
        Ok(())
    }

    fn named(&mut self, kind: Kind, name: &str) -> Result<(), Unsealed> {
        self.kind(kind)?;
        self.text(name);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.0 = self.0.combine(Fingerprint(text.len() as u64));
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.combine(Fingerprint(u64::from_le_bytes(word)));
        }
    }

    /// The parts of a collection have no order of their own: a set is read in another than it was written in.
    fn parts(&mut self, kind: Kind) -> Result<Parts<'_>, Unsealed> {
        self.kind(kind)?;
        Ok(Parts { whole: self, sum: 0, part: Shape(Fingerprint::default()) })
    }
}

/// How a key is printed is a part of its seal.
impl Write for Shape {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// The elements of a sequence, the entries of a map.
struct Parts<'s> {
    whole: &'s mut Shape,
    sum: u64,
    part: Shape,
}

impl Parts<'_> {
    fn end(self) -> Result<(), Unsealed> {
        self.whole.0 = self.whole.0.combine(Fingerprint(self.sum));
        Ok(())
    }
}

/// A value refuses to be serialised.
#[derive(Debug)]
struct Unsealed;

impl fmt::Display for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it cannot be serialised")
    }
}

impl std::error::Error for Unsealed {}

impl serde::ser::Error for Unsealed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unsealed
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty => $kind:ident;)*) => {$(
        fn $method(self, _: $type) -> Result<(), Unsealed> {
            self.kind(Kind::$kind)
        }
    )*};
}

impl<'s> Serializer for &'s mut Shape {
    type Ok = ();
    type Error = Unsealed;
    type SerializeSeq = Parts<'s>;
    type SerializeMap = Parts<'s>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain! {
        serialize_bool: bool => Bool;
        serialize_i8: i8 => I8;
        serialize_i16: i16 => I16;
        serialize_i32: i32 => I32;
        serialize_i64: i64 => I64;
        serialize_i128: i128 => I128;
        serialize_u8: u8 => U8;
        serialize_u16: u16 => U16;
        serialize_u32: u32 => U32;
        serialize_u64: u64 => U64;
        serialize_u128: u128 => U128;
        serialize_f32: f32 => F32;
        serialize_f64: f64 => F64;
        serialize_char: char => Char;
        serialize_str: &str => Str;
        serialize_bytes: &[u8] => Bytes;
    }

    fn serialize_none(self) -> Result<(), Unsealed> {
        self.kind(Kind::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsealed> {
        self.kind(Kind::Some)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unsealed> {
        self.kind(Kind::Unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Unsealed> {
        self.named(Kind::UnitStruct, name)
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<(), Unsealed> {
        self.named(Kind::UnitVariant, name)?;
        self.text(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Unsealed> {
        self.named(Kind::NewtypeStruct, name)?;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unsealed> {
        self.named(Kind::NewtypeVariant, name)?;
        self.text(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'s>, Unsealed> {
        self.parts(Kind::Seq)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'s>, Unsealed> {
        self.parts(Kind::Map)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unsealed> {
        self.kind(Kind::Tuple)?;
        Ok(self)
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self, Unsealed> {
        self.named(Kind::TupleStruct, name)?;
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Unsealed> {
        self.named(Kind::TupleVariant, name)?;
        self.text(variant);
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self, Unsealed> {
        self.named(Kind::Struct, name)?;
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Unsealed> {
        self.named(Kind::StructVariant, name)?;
        self.text(variant);
        Ok(self)
    }

    /// As the bytes are written: some types are serialised in another way for people.
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl SerializeSeq for Parts<'_> {
    type Ok = ();
    type Error = Unsealed;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsealed> {
        let mut part = Shape(Fingerprint::default());
        value.serialize(&mut part)?;
        self.sum = self.sum.wrapping_add(part.0.0);
        Ok(())
    }

    fn end(self) -> Result<(), Unsealed> {
        self.end()
    }
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Unsealed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsealed> {
        self.part = Shape(Fingerprint::default());
        key.serialize(&mut self.part)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsealed> {
        value.serialize(&mut self.part)?;
        self.sum = self.sum.wrapping_add(self.part.0.0);
        Ok(())
    }

    fn end(self) -> Result<(), Unsealed> {
        self.end()
    }
}

/// Parts that stand in a fixed order, which tells them apart.
macro_rules! in_order {
    ($($trait:ident::$method:ident;)*) => {$(
        impl $trait for &mut Shape {
            type Ok = ();
            type Error = Unsealed;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsealed> {
                self.kind(Kind::Field)?;
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unsealed> {
                Ok(())
            }
        }
    )*};
}

in_order! {
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

/// Parts with names.
macro_rules! with_names {
    ($($trait:ident;)*) => {$(
        impl $trait for &mut Shape {
            type Ok = ();
            type Error = Unsealed;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unsealed> {
                self.named(Kind::Field, name)?;
                value.serialize(&mut **self)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Unsealed> {
                self.named(Kind::SkippedField, name)
            }

            fn end(self) -> Result<(), Unsealed> {
                Ok(())
            }
        }
    )*};
}

with_names! {
    SerializeStruct;
    SerializeStructVariant;
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use alacarte_core::{Fetch, Output, Rule, RuleKey, journal_rule};
    use serde::{Deserialize, Serialize};

    use super::*;

    /// A value whose fingerprint looks at nothing, so that its shape must tell.
    macro_rules! blind {
        ($($type:ty),*) => {$(
            impl Value for $type {
                fn fingerprint(&self) -> Fingerprint {
                    Fingerprint(7)
                }
            }
        )*};
    }

    /// The same program, whatever the module in which a test keeps another version of a type.
    const SCHEMA: Schema = Schema(Fingerprint(3));

    fn comes_back_as<A: Value + Serialize, B: Value + Serialize + DeserializeOwned>(value: &A) -> Option<B> {
        SCHEMA.read_value(&SCHEMA.write_value(value).expect("it is written"))
    }

    mod old {
        use super::*;
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Body {
            pub interface: u32,
            pub hidden: u32,
        }
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Kind {
            Empty,
            Object(u8),
            Pair(u32, u32),
            Named { a: u32, b: u32 },
        }
    }

    mod new {
        use super::*;
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Body {
            pub hidden: u32,
            pub interface: u32,
        }
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Kind {
            Absent,
            Empty(u8),
            Object(u32, u32),
            Named { b: u32, a: u32 },
        }
        /// The last field has gone.
        pub mod shorter {
            use super::*;
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Body {
                pub interface: u32,
            }
            blind!(Body);
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Blind<T>(T);

    impl<T: Clone + 'static> Value for Blind<T> {
        fn fingerprint(&self) -> Fingerprint {
            Fingerprint(7)
        }
    }

    blind!(old::Body, old::Kind, new::Body, new::Kind);

    #[test]
    fn what_was_written_comes_back() {
        let body = old::Body { interface: 1, hidden: 2 };
        assert_eq!(comes_back_as(&body), Some(body));
        for kind in [old::Kind::Empty, old::Kind::Object(1), old::Kind::Pair(1, 2), old::Kind::Named { a: 1, b: 2 }] {
            assert_eq!(comes_back_as(&kind), Some(kind));
        }
        // Whatever its order, a set is the same.
        let set: HashSet<String> = (0..100).map(|n| n.to_string()).collect();
        let map: HashMap<u32, Option<u8>> = (0..100).map(|n| (n, (n % 3 == 0).then_some(1))).collect();
        assert_eq!(comes_back_as(&Blind(set.clone())), Some(Blind(set)));
        assert_eq!(comes_back_as(&Blind(map.clone())), Some(Blind(map)));
        let mixed = Blind((vec![Some(1.5_f64), None], 'c', [0_u8; 3], (), i128::MIN));
        assert_eq!(comes_back_as(&mixed), Some(mixed));
    }

    #[test]
    fn fields_and_variants_that_changed_places_are_noticed() {
        assert_eq!(comes_back_as::<_, new::Body>(&old::Body { interface: 1, hidden: 2 }), None);
        assert_eq!(comes_back_as::<_, new::shorter::Body>(&old::Body { interface: 1, hidden: 2 }), None);
        for kind in [old::Kind::Empty, old::Kind::Object(1), old::Kind::Pair(1, 2), old::Kind::Named { a: 1, b: 2 }] {
            assert_eq!(comes_back_as::<_, new::Kind>(&kind), None, "{kind:?}");
        }
    }

    #[test]
    fn kinds_that_are_written_alike_are_told_apart() {
        /// Reads one value as each of the other kinds.
        macro_rules! never_as {
            ($value:expr => $($type:ty),*) => {{
                let value = Blind($value);
                $(assert_eq!(comes_back_as::<_, Blind<$type>>(&value), None, "as {}", type_name::<$type>());)*
                assert_eq!(comes_back_as(&value), Some(value));
            }};
        }
        never_as!(1_u32 => i32, u64, u16, u8, bool, Option<u32>, (u32,), Vec<u32>, char, usize, String);
        never_as!(1_i32 => u32, i64, i16, i8, Option<i32>);
        never_as!(true => u8, Option<()>, u32);
        never_as!("abc".to_owned() => Vec<u8>, Vec<char>, Option<String>, (u8, u8, u8, u8));
        never_as!(vec![97_u8, 98] => String, Vec<i8>, Vec<u16>, Vec<bool>, (u8, u8, u8));
        never_as!(Some(1_u8) => (bool, u8), Option<i8>, Vec<u8>);
        never_as!(None::<u8> => bool, u8, Vec<u8>, String);
        never_as!((1_u8, 2_u16) => (u16, u8), (u8, u16, ()), u8);
        never_as!(1.0_f32 => f64, u32, i32, [u8; 4]);
        never_as!(() => ((), ()), (u8, ()));
    }

    #[test]
    fn a_key_says_how_it_is_printed() {
        /// Serialised by its number, as some types are.
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        struct Numbered<const NEW: bool>(u8);
        impl<const NEW: bool> fmt::Display for Numbered<NEW> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let names = if NEW { ["archive", "object", "source"] } else { ["object", "source", "library"] };
                f.write_str(names[usize::from(self.0)])
            }
        }
        for number in 0..3 {
            let bytes = SCHEMA.write_key(&Numbered::<false>(number)).expect("it is written");
            assert_eq!(SCHEMA.read_key(&bytes), Some(Numbered::<false>(number)));
            assert_eq!(SCHEMA.read_key::<Numbered<true>>(&bytes), None);
        }
    }

    #[test]
    fn a_value_says_its_fingerprint() {
        let bytes = SCHEMA.write_value(&3_u32).expect("it is written");
        assert_eq!(SCHEMA.read_value(&bytes), Some(3_u32));
        let sealed: [u8; SEAL] = bytes[..SEAL].try_into().expect("a seal");
        let other = [sealed.as_slice(), &[4]].concat();
        assert_eq!(SCHEMA.read_value::<u32>(&other), None);
        assert_eq!(SCHEMA.read_value::<u32>(&bytes[..SEAL - 1]), None);
        assert_eq!(SCHEMA.read_value::<u32>(&[bytes, vec![0]].concat()), None, "nothing follows");
    }

    #[test]
    fn a_schema_is_two_types_and_a_version() {
        let bytes = Schema::of::<String, u32>(0).write_value(&3_u32).expect("it is written");
        assert_eq!(Schema::of::<String, u32>(0).read_value(&bytes), Some(3_u32));
        for other in [Schema::of::<String, u32>(1), Schema::of::<char, u32>(0), Schema::of::<String, u64>(0)] {
            assert_eq!(other.read_value::<u32>(&bytes), None);
            assert_ne!(other, Schema::of::<String, u32>(0));
        }
    }

    /// Within a typed key and a typed output, the seal sees the rule and the value.
    #[test]
    fn typed_keys_and_outputs_are_sealed_as_what_they_hold() {
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        struct Boxed<P>(P);
        impl<P> fmt::Debug for Boxed<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
        }
        impl<P: Clone + Eq + std::hash::Hash + 'static> Rule for Boxed<P> {
            type Output = Blind<P>;
            async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> alacarte_core::Result<Blind<P>> {
                Ok(Blind(self.0.clone()))
            }
        }
        journal_rule::<Boxed<u32>>();
        journal_rule::<Boxed<(u16, u16)>>();
        let keys = [RuleKey::new(Boxed(7_u32)), RuleKey::new(Boxed((7_u16, 0_u16)))];
        let outputs = [Output::new(Blind(7_u32)), Output::new(Blind((7_u16, 0_u16)))];
        assert_eq!((outputs[0].fingerprint(), keys[0].to_string()), (outputs[1].fingerprint(), keys[1].to_string()));
        assert_ne!(SCHEMA.of_key(&keys[0]), SCHEMA.of_key(&keys[1]));
        assert_ne!(SCHEMA.of_value(&outputs[0]), SCHEMA.of_value(&outputs[1]));
        // It is the structure that is told apart, not the number in it.
        assert_eq!(SCHEMA.of_value(&outputs[0]), SCHEMA.of_value(&Output::new(Blind(8_u32))));
        for (key, output) in keys.iter().zip(&outputs) {
            let written = [SCHEMA.write_key(key).expect("written"), SCHEMA.write_value(output).expect("written")];
            assert_eq!(SCHEMA.read_key::<RuleKey>(&written[0]).as_ref(), Some(key));
            let again: Output = SCHEMA.read_value(&written[1]).expect("read");
            assert_eq!(again.get::<Blind<u32>>(), output.get());
            assert_eq!(again.get::<Blind<(u16, u16)>>(), output.get());
        }
        assert!(SCHEMA.write_value(&Output::new(Blind('c'))).is_err(), "no rule with this output was entered");
    }
}
