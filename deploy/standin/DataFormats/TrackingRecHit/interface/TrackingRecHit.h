#ifndef STANDIN_DATAFORMATS_TRACKINGRECHIT_INTERFACE_TRACKINGRECHIT_H
#define STANDIN_DATAFORMATS_TRACKINGRECHIT_INTERFACE_TRACKINGRECHIT_H

class TrackingRecHit {
public:
  virtual ~TrackingRecHit() = default;
  virtual bool isValid() const { return true; }
};

#endif
